"""Ways to spoil what comes back from a round before: states and answers."""

import base64

from fuzz.corpus import answer
from fuzz.mutations.draft import Draft, Mutation, Source, clone, into, odd_value, params_of

STATE: dict[str, Mutation] = {}


@into(STATE, "flip a bit")
def _flip(draft: Draft, source: Source) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str) and token:
        at = source.random.randrange(len(token))
        flipped = chr(ord(token[at]) ^ (1 << source.random.randrange(7)))
        params_of(draft)["requestState"] = token[:at] + flipped + token[at + 1 :]


@into(STATE, "truncate")
def _truncate(draft: Draft, source: Source) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str) and token:
        at = source.random.randrange(len(token))
        params_of(draft)["requestState"] = source.random.choice((token[:at], token[at:], token + token[:at]))


@into(STATE, "splice")
def _splice(draft: Draft, source: Source) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str) and source.tokens:
        other = source.random.choice(source.tokens)
        at = source.random.choice((1, 7, 23, source.random.randrange(1 + min(len(token), len(other)))))
        params_of(draft)["requestState"] = token[:at] + other[at:]


@into(STATE, "another state")
def _another(draft: Draft, source: Source) -> None:
    if source.tokens:
        params_of(draft)["requestState"] = source.random.choice(source.tokens)


@into(STATE, "state elsewhere")
def _elsewhere(draft: Draft, source: Source) -> None:
    """A real state, its own answers, on another target."""
    if source.tokens:
        token = source.random.choice(source.tokens)
        issued = source.states[token]
        answers = {key: clone(answer(question)) for key, question in issued.asked.items()}
        params_of(draft).update(requestState=token, inputResponses=answers)


@into(STATE, "spelling")
def _spelling(draft: Draft, source: Source) -> None:
    token = params_of(draft).get("requestState")
    if isinstance(token, str):
        swapped = token.translate(str.maketrans("-_", "+/"))
        choices = (
            *(token + "=", token + "==", swapped, f" {token}", token + "\n", token + "\x00", token.lower()),
            *(token[:-1] + chr(ord(token[-1:] or "A") + 1), token + "A", "=" + token, "é" + token),
        )
        params_of(draft)["requestState"] = source.random.choice(choices)


@into(STATE, "forged")
def _forged(draft: Draft, source: Source) -> None:
    random = source.random
    raw = random.choice(
        (b"", b"\x01", b"\x02" + bytes(40), b"\x01" + random.randbytes(80), random.randbytes(60))
    )
    token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    params_of(draft)["requestState"] = random.choice(
        (token, "", "null", "a" * 33_000, token + "a" * 200, "{}")
    )


@into(STATE, "no state")
def _no_state(draft: Draft, source: Source) -> None:
    params_of(draft).pop("requestState", None)


@into(STATE, "arguments")
def _arguments(draft: Draft, source: Source) -> None:
    """Other arguments than the state was made for, or the same ones spelt otherwise."""
    params, random = params_of(draft), source.random
    arguments = params.get("arguments")
    if isinstance(arguments, dict):
        reordered = dict(reversed(arguments.items()))
        changed = {
            **arguments,
            random.choice(("item", "quantity", "note", "to", "amount", "topic")): odd_value(random),
        }
        params["arguments"] = random.choice((reordered, changed, changed, {}))


@into(STATE, "principal")
def _principal(draft: Draft, source: Source) -> None:
    draft.headers.append(("X-User", source.random.choice(("alice", "bob", "", "a" * 100))))


@into(STATE, "answers")
def _answers(draft: Draft, source: Source) -> None:
    """Answers of any shape."""
    params, random = params_of(draft), source.random
    answers = params.get("inputResponses")
    if not isinstance(answers, dict) or not answers or random.random() < 0.2:
        params["inputResponses"] = random.choice(
            (None, [], "", {}, {"size": {}}, {"": None}, odd_value(random))
        )
        return
    key = random.choice(list(answers))
    answers[key] = random.choice(
        (
            odd_value(random),
            {"action": random.choice(("accept", "decline", "cancel", "maybe", None, 1))},
            {"action": "accept", "content": odd_value(random)},
            {
                "action": "accept",
                "content": {"size": odd_value(random), "agree": odd_value(random), "city": odd_value(random)},
            },
            {
                "action": "accept",
                "content": {"city": "x", "nights": odd_value(random), "meals": odd_value(random)},
            },
            {"role": "assistant", "model": "m", "content": odd_value(random)},
            {"role": "assistant", "model": "m", "content": [{"type": "text", "text": odd_value(random)}]},
            {"roots": odd_value(random)},
            {"roots": [{"uri": odd_value(random)}]},
        )
    )


@into(STATE, "more answers")
def _more(draft: Draft, source: Source) -> None:
    answers = params_of(draft).get("inputResponses")
    if isinstance(answers, dict):
        key = source.random.choice(
            ("size", "word", "url", "consent", "elicitation-1", "roots-2", "elicitation-3")
        )
        answers[key] = {"action": "accept", "content": {"size": "L", "agree": True}}
