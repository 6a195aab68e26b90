"""What crosses a boundary: values that pages, notebooks, backends and the journal hand each other.

base: What every contract is: frozen, strict, finite; one InvalidConfig has a sentence for each wrong field.
columns: Which columns metrics have: of a job, one row a step; of a deployment, one row a tick.
entries: What the catalog holds: a model by its architecture, a card by its peaks, a data set by its size.
estimates: What a training run will take, before it is paid for; which configurations are worth considering.
expectation: What a run was rehearsed to be before it really ran, kept with its submission, and how it came
    out against that.
findings: What is said about a run: a risk before it, a failure at its end, a finding in its metrics.
lifecycle: Which states a job and a deployment may pass through: one table each, and nothing else.
presets: What each trainer does where its user says nothing: whose trainer is meant decides memory and speed.
serving: One endpoint: what is served under which load, and what that takes.
training: One training run: what is asked for, and what a person's own runs say of the laws.
workspace: What a workspace holds, as frozen views that the store hands out.
"""
