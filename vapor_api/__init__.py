"""What Vapor speaks over HTTP beside its pages.

experiments: The experiments of a workspace: names that its runs are sorted under.
filters: The filter and the order of a search for runs, as MLflow's clients write them: metrics.loss < 2 and
    tags.a = 'b'.
jobs_of_runs: The job that a run which tells us of itself is in its workspace: recorded once, named and
    described as the run is.
protocol: MLflow's tracking protocol as values: its errors, its limits, and how runs and experiments are
    written in JSON.
routes: The routes that stand beside the app's pages: what a trainer's tracking client asks for, by a token.
serving: The app with its routes, as `vapor serve` starts it: pages and tracking in one process.
tracking: MLflow's tracking protocol, answered: any trainer that reports to MLflow shows as a live job of a
    workspace.
understood: What a run's parameters say that Vapor knows: a configuration, so that a run of others has an
    estimate too.
watching: Watches the live runs of all workspaces by their rules while no page is open, as long as `vapor
    serve` runs.
"""
