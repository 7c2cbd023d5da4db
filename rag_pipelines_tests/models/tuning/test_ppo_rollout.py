"""Sampling, padding and masks, and that mini-batches add up."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from rag_pipelines.models.tuning.ppo import policy_of
from rag_pipelines.models.tuning.ppo_policy import Policy, joined
from rag_pipelines.models.tuning.ppo_rollout import Rollout, Sampling, rolled_out, until_end
from rag_pipelines.models.tuning.ppo_update import update
from rag_pipelines.models.tuning.prompting import Prompt
from rag_pipelines_tests.models.tuning.test_ppo import calm, tuning

LONG = (2, 12, 13, 14, 15, 12, 13, 3)
SHORT = (2, 12, 3)


@pytest.fixture
def policy(parent: Path) -> Policy:
    return policy_of(parent, tuning())


def rollout(policy: Policy, *prompts: tuple[int, ...], seed: int = 0) -> Rollout:
    asked = [Prompt([{"role": "user", "content": str(tokens)}], tokens) for tokens in prompts]
    return rolled_out(policy, asked, calm, Sampling(2, 6, 1.0), seed)


def test_an_answer_ends_with_the_first_token_that_ends_a_text():
    tokens = torch.tensor([[5, 1, 1, 5], [5, 6, 7, 8], [1, 1, 1, 1], [5, 9, 1, 0]])
    expected = [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]
    assert until_end(tokens, [1, 9]).tolist() == expected


def test_what_pads_a_prompt_changes_nothing(policy: Policy):
    together = rollout(policy, LONG, SHORT)
    row = together.answers[torch.tensor([1])]
    cut = len(LONG) - len(SHORT)
    assert row.read[0, :cut].tolist() == [0] * cut
    alone = type(row)(row.tokens[:, cut:], row.read[:, cut:], row.mask)
    with torch.no_grad():
        near(policy.computed(row).log_probs * row.mask, policy.computed(alone).log_probs * row.mask)


def test_what_follows_an_answer_changes_nothing(policy: Policy):
    answers = rollout(policy, SHORT).answers
    padded = joined([answers, rollout(policy, LONG, LONG).answers], 7)[torch.tensor([0])]
    with torch.no_grad():
        one = (policy.computed(answers).log_probs * answers.mask).sum()
        near((policy.computed(padded).log_probs * padded.mask).sum(), one)


def test_the_probabilities_are_those_of_the_plain_model(policy: Policy):
    answers = rollout(policy, SHORT).answers
    with torch.no_grad():
        found = policy.computed(answers).log_probs
        logits = policy.model.get_base_model()(input_ids=answers.tokens).logits.log_softmax(-1)
    after = logits[:, len(SHORT) - 1 : -1].gather(-1, answers.taken.unsqueeze(-1)).squeeze(-1)
    near(found * answers.mask, after * answers.mask)


def test_the_same_seed_samples_the_same_and_leaves_other_draws_alone(policy: Policy):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, other = rollout(policy, LONG, SHORT), rollout(policy, LONG, SHORT)
    assert torch.equal(torch.rand(1), expected)
    assert one.texts == other.texts
    assert torch.equal(one.answers.tokens, other.answers.tokens)
    assert rollout(policy, *[LONG] * 8, seed=1).texts != rollout(policy, *[LONG] * 8, seed=2).texts


def test_the_parent_is_the_reference_whatever_was_learned(policy: Policy):
    found = rollout(policy, LONG, SHORT)
    assert found.kl == pytest.approx(0.0, abs=1e-6)
    learn(policy, found, 2, 1)
    after = policy.reference(found.answers)
    near(after * found.answers.mask, found.reference * found.answers.mask)
    with torch.no_grad():
        moved = policy.computed(found.answers).log_probs - after
    assert (moved * found.answers.mask).abs().max() > 1e-3


def test_batches_add_up_to_the_mini_batch_and_activations_may_be_computed_twice(parent: Path):
    states: list[dict[str, Tensor]] = []
    for batch, accumulate, checkpointing in ((4, 1, False), (1, 4, False), (4, 1, True)):
        policy = policy_of(parent, tuning(checkpointing=checkpointing))
        found = rollout(policy, LONG, SHORT, LONG, SHORT)
        assert len(set(found.answers.mask.sum(-1).tolist())) > 1, "answers of one length say little"
        learn(policy, found, batch, accumulate)
        states.append(policy.state())
    for name, tensor in states[0].items():
        near(states[1][name], tensor, 1e-5)
        near(states[2][name], tensor, 1e-5)


def learn(policy: Policy, found: Rollout, batch: int, accumulate: int) -> None:
    how = tuning(batch=batch, accumulate=accumulate, rounds=1)
    optimizer = torch.optim.SGD(policy.trained, lr=1.0)
    scores = torch.linspace(-1, 1, len(found.texts))
    update(policy, optimizer, found, scores, 0.1, how, seed=0)


def near(found: Tensor, expected: Tensor, most: float = 1e-4) -> None:
    assert torch.allclose(found, expected, atol=most), (found - expected).abs().max()
