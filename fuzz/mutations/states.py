"""Mutations of request states, input responses and what a state is bound to."""

import base64

from fuzz.corpus import answer
from fuzz.mutations.request_draft import (
    Mutation,
    MutationContext,
    RequestDraft,
    clone,
    hostile_value,
    params_of,
)


def _flip_state_bit(draft: RequestDraft, context: MutationContext) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str) and token:
        at = context.random.randrange(len(token))
        flipped = chr(ord(token[at]) ^ (1 << context.random.randrange(7)))
        params_of(draft)["requestState"] = token[:at] + flipped + token[at + 1 :]


def _truncate_state(draft: RequestDraft, context: MutationContext) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str) and token:
        at = context.random.randrange(len(token))
        params_of(draft)["requestState"] = context.random.choice((token[:at], token[at:], token + token[:at]))


def _splice_states(draft: RequestDraft, context: MutationContext) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str) and context.tokens:
        other = context.random.choice(context.tokens)
        at = context.random.choice((1, 7, 23, context.random.randrange(1 + min(len(token), len(other)))))
        params_of(draft)["requestState"] = token[:at] + other[at:]


def _swap_state(draft: RequestDraft, context: MutationContext) -> None:
    if context.tokens:
        params_of(draft)["requestState"] = context.random.choice(context.tokens)


def _state_of_other_request(draft: RequestDraft, context: MutationContext) -> None:
    """A real state, its own answers, on another target."""
    if context.tokens:
        token = context.random.choice(context.tokens)
        issued = context.states[token]
        answers = {key: clone(answer(question)) for key, question in issued.asked.items()}
        params_of(draft).update(requestState=token, inputResponses=answers)


def _respell_state(draft: RequestDraft, context: MutationContext) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str):
        swapped = token.translate(str.maketrans("-_", "+/"))
        choices = (
            *(token + "=", token + "==", swapped, f" {token}", token + "\n", token + "\x00", token.lower()),
            *(token[:-1] + chr(ord(token[-1:] or "A") + 1), token + "A", "=" + token, "é" + token),
        )
        params_of(draft)["requestState"] = context.random.choice(choices)


def _forge_state(draft: RequestDraft, context: MutationContext) -> None:
    random = context.random
    raw = random.choice(
        (b"", b"\x01", b"\x02" + bytes(40), b"\x01" + random.randbytes(80), random.randbytes(60))
    )
    token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    params_of(draft)["requestState"] = random.choice(
        (token, "", "null", "a" * 33_000, token + "a" * 200, "{}")
    )


def _remove_state(draft: RequestDraft, context: MutationContext) -> None:
    params_of(draft).pop("requestState", None)


def _change_arguments(draft: RequestDraft, context: MutationContext) -> None:
    """Other arguments than the state was made for, or the same ones spelt otherwise."""
    params, random = params_of(draft), context.random
    arguments = params.get("arguments")
    if isinstance(arguments, dict):
        reordered = dict(reversed(arguments.items()))
        changed = {
            **arguments,
            random.choice(("item", "quantity", "note", "to", "amount", "topic")): hostile_value(random),
        }
        params["arguments"] = random.choice((reordered, changed, changed, {}))


def _change_principal(draft: RequestDraft, context: MutationContext) -> None:
    draft.headers.append(("X-User", context.random.choice(("alice", "bob", "", "a" * 100))))


def _replace_input_response(draft: RequestDraft, context: MutationContext) -> None:
    """Answers of any shape."""
    params, random = params_of(draft), context.random
    answers = params.get("inputResponses")
    if not isinstance(answers, dict) or not answers or random.random() < 0.2:
        params["inputResponses"] = random.choice(
            (None, [], "", {}, {"size": {}}, {"": None}, hostile_value(random))
        )
        return
    key = random.choice(list(answers))
    answers[key] = random.choice(
        (
            hostile_value(random),
            {"action": random.choice(("accept", "decline", "cancel", "maybe", None, 1))},
            {"action": "accept", "content": hostile_value(random)},
            {
                "action": "accept",
                "content": {
                    "size": hostile_value(random),
                    "agree": hostile_value(random),
                    "city": hostile_value(random),
                },
            },
            {
                "action": "accept",
                "content": {"city": "x", "nights": hostile_value(random), "meals": hostile_value(random)},
            },
            {"role": "assistant", "model": "m", "content": hostile_value(random)},
            {"role": "assistant", "model": "m", "content": [{"type": "text", "text": hostile_value(random)}]},
            {"roots": hostile_value(random)},
            {"roots": [{"uri": hostile_value(random)}]},
        )
    )


def _add_input_response(draft: RequestDraft, context: MutationContext) -> None:
    answers = params_of(draft).get("inputResponses")
    if isinstance(answers, dict):
        key = context.random.choice(
            ("size", "word", "url", "consent", "elicitation-1", "roots-2", "elicitation-3")
        )
        answers[key] = {"action": "accept", "content": {"size": "L", "agree": True}}


STATE: tuple[Mutation, ...] = (
    _flip_state_bit,
    _truncate_state,
    _splice_states,
    _swap_state,
    _state_of_other_request,
    _respell_state,
    _forge_state,
    _remove_state,
    _change_arguments,
    _change_principal,
    _replace_input_response,
    _add_input_response,
)
