"""Fit it for me proposes only what fits the card and the budget, and nothing that another proposal beats."""

import pytest

import vapor_core as vapor

BASE = vapor.JobConfig(model="meta-llama/Llama-3.2-3B", dataset="databricks/databricks-dolly-15k")


@pytest.mark.slow
def test_proposals_fit_and_stay_within_the_budget():
    proposals = vapor.propose(BASE, budget_usd=20.0, budget_hours=24.0)
    assert proposals
    for proposal in proposals:
        assert proposal.estimate.fits
        assert proposal.estimate.cost_usd <= 20.0
        assert proposal.estimate.duration_s <= 24 * 3600
        assert vapor.estimate(proposal.config) == proposal.estimate


def test_no_proposal_is_beaten_by_another_in_both_cost_and_loss():
    proposals = vapor.propose(BASE)
    assert len(proposals) > 2
    costs = [proposal.estimate.cost_usd for proposal in proposals]
    losses = [proposal.estimate.final_eval_loss for proposal in proposals]
    assert costs == sorted(costs)
    assert losses == sorted(losses, reverse=True)


def test_a_given_card_is_kept():
    proposals = vapor.propose(BASE, accelerators=["nvidia-a10g"])
    assert {proposal.config.accelerator for proposal in proposals} == {"nvidia-a10g"}


def test_a_budget_too_small_names_the_cheapest_and_the_quickest():
    with pytest.raises(vapor.InvalidConfig, match="the cheapest is"):
        vapor.propose(BASE, budget_usd=0.0001)


def test_a_model_too_large_for_every_card_says_so():
    huge = vapor.CatalogModel(
        id="test/huge",
        parameters=4 * 10**12,
        layers=200,
        hidden_size=40_000,
        intermediate_size=160_000,
        attention_heads=400,
        kv_heads=400,
        vocabulary_size=100_000,
    )
    with pytest.raises(vapor.InvalidConfig, match="fits none"):
        vapor.propose(BASE.changed(model=huge), accelerators=["nvidia-t4"])
