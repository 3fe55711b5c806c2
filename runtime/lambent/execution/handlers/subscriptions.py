"""``subscriptions/listen``: acknowledged, tagged, bounded, ended (basic/patterns/subscriptions)."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import Raw

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.execution.rounds.questions import require_extension
from lambent.features.tasks import EXTENSION
from lambent.wire import jsonrpc
from lambent.wire.methods import SubscriptionFilter
from lambent.wire.results import Acknowledged, ListenResult
from lambent.wire.values import SUBSCRIPTION_ID_KEY

_LIST_TOPICS = {
    "notifications/tools/list_changed": "tools_list_changed",
    "notifications/prompts/list_changed": "prompts_list_changed",
    "notifications/resources/list_changed": "resources_list_changed",
}
"""For each topic the member of the filter that asks for it."""

_POLL_SECONDS = 1.0
"""How often a waiting subscription checks that its client is still connected."""

_KEEP_ALIVE_SECONDS = 15.0
"""Within the idle time that load balancers and proxies allow a connection."""

_MAX_TASKS = 100
"""Tasks whose status one subscription delivers: each is a read of the store at every poll."""


def listen(call: Call) -> ListenResult:
    """Deliver the changes that a client asked for, for as long as the host may wait.

    Raises:
        MissingCapabilityError: it asked for the status of tasks and does not declare their extension.
        OverloadedError: the process has as many subscriptions as it can have.
    """
    wanted = call.rpc.params.notifications
    if wanted.task_ids:
        require_extension(call.client, EXTENSION)
    with call.invocation.idle():
        subscription = _Subscription(call, wanted)
        subscription.deliver()
    return ListenResult(meta=subscription.tag)


class _Subscription:
    """What one client listens to."""

    def __init__(self, call: Call, wanted: SubscriptionFilter) -> None:
        self._call = call
        self._changes = call.services.changes
        if self._changes is not None and (receiving := self._changes.receive()) is not None:
            call.invocation.run(receiving)
        self._position = self._changes.position() if self._changes is not None else 0
        self._tasks = {task_id: b"" for task_id in wanted.task_ids[:_MAX_TASKS] if self._task(task_id)}
        self._agreed = _agree(wanted, call, list(self._tasks))
        self.tag = {SUBSCRIPTION_ID_KEY: call.rpc.id}

    def deliver(self) -> None:
        """Deliver until the host has waited long enough, or at once where there is nothing to wait for."""
        invocation = self._call.invocation
        self._emit("notifications/subscriptions/acknowledged", Acknowledged(self._agreed, self.tag))
        self._tell_tasks()
        deadline = last_sent = time.monotonic()
        if self._agreed != SubscriptionFilter():
            deadline += invocation.may_listen(self._call.services.listen_seconds)
        while (left := deadline - time.monotonic()) > 0 and not invocation.ending:
            invocation.check()
            self._tell_changes(min(left, _POLL_SECONDS))
            self._tell_tasks()
            if time.monotonic() - last_sent > _KEEP_ALIVE_SECONDS:
                invocation.keep_alive()
                last_sent = time.monotonic()

    def _tell_changes(self, seconds: float) -> None:
        if self._changes is None:
            self._call.invocation.sleep(seconds)
            return
        topics, self._position = self._changes.wait(self._position, seconds)
        for topic in topics:
            if topic in _LIST_TOPICS and getattr(self._agreed, _LIST_TOPICS[topic]):
                self._emit(topic, {"_meta": self.tag})
            elif not topic.startswith("notifications/") and topic in self._agreed.resource_subscriptions:
                self._emit("notifications/resources/updated", {"uri": topic, "_meta": self.tag})

    def _tell_tasks(self) -> None:
        """Deliver the tasks that have changed, as ``tasks/get`` would show them."""
        for task_id, told in self._tasks.items():
            task = self._task(task_id)
            if task is None:
                continue
            notification = jsonrpc.notification("notifications/tasks", {**task, "_meta": self.tag})
            if notification != told:
                self._tasks[task_id] = notification
                self._call.invocation.emit(notification)

    def _task(self, task_id: str) -> dict[str, Any] | None:
        """The parameters of a task's notification; None where the task is not to be found."""
        tasks = self._call.services.tasks
        if tasks is None:
            return None
        try:
            shown = tasks.show(tasks.get(task_id, self._call.principal))
        except InvalidParamsError:
            return None
        params: dict[str, Any] = msgspec.json.decode(jsonrpc.encode(shown), type=dict[str, Raw])
        del params["resultType"]
        return params

    def _emit(self, method: str, params: Any) -> None:
        self._call.invocation.emit(jsonrpc.notification(method, params))


def _agree(wanted: SubscriptionFilter, call: Call, task_ids: list[str]) -> SubscriptionFilter:
    """The part of a filter that can be delivered: only tasks, which the store has, where there is no feed."""
    services = call.services
    if services.changes is None:
        return SubscriptionFilter(task_ids=task_ids)
    catalog = services.catalog
    resources = catalog.has_resources
    return SubscriptionFilter(
        tools_list_changed=wanted.tools_list_changed and bool(catalog.tools),
        prompts_list_changed=wanted.prompts_list_changed and bool(catalog.prompts),
        resources_list_changed=wanted.resources_list_changed and resources,
        resource_subscriptions=_readable(wanted.resource_subscriptions, call) if resources else [],
        task_ids=task_ids,
    )


def _readable(uris: list[str], call: Call) -> list[str]:
    """The resources that the caller may read; those that do not exist (yet) among them."""
    if not call.services.catalog.scopes:
        return uris
    from lambent.execution.authorization import permits  # few servers have scopes
    from lambent.execution.targets import resource_of

    found = [(uri, resource_of(call.services.catalog, uri)) for uri in uris]
    return [uri for uri, resource in found if resource is None or permits(call, resource.scopes)]
