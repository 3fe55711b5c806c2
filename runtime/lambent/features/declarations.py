"""The decorators of a server: those of the protocol's core, and those for own methods, skills and events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import DeclarationError
from lambent.features.core_declarations import CoreDeclarations
from lambent.features.registry import read_scopes
from lambent.features.signature import read_signature

if TYPE_CHECKING:
    import os

    from lambent.features.skills.files import SkillFiles
    from lambent.features.skills.shelf import Shelf
    from lambent.features.source_decorators import Sources
    from lambent.wire.events import Mode

F = TypeVar("F", bound=Callable[..., Any])


class Declarations(CoreDeclarations):
    """Collects what a server offers until it is frozen."""

    def method(
        self,
        name: str,
        *,
        extension: str | None = None,
        protocol_versions: Collection[str] | None = None,
        scopes: Sequence[str] = (),
    ) -> Callable[[F], F]:
        """Register a function as a method beyond those of the protocol.

        The members of ``params`` are its arguments, and what it returns, a record or a dict, has the members
        of the result.

        Args:
            name: as requests have it, such as ``com.example/search``.
            extension: what its client must have declared in its capabilities; default: nothing.
            protocol_versions: the versions of which it is a method; default: all.
            scopes: what the caller needs, all of it. On stdio nobody is asked for scopes.

        Raises:
            DeclarationError: the signature cannot work, the name is the protocol's, or it is taken.
        """
        if not isinstance(name, str):
            raise DeclarationError('Write @mcp.method("com.example/search"), with the name of the method')
        from lambent.features.methods import make_method  # servers without methods never load it

        def register(function: F) -> F:
            signature = read_signature(function, self._injected, name)
            self.add_method(make_method(name, signature, extension, protocol_versions, read_scopes(scopes)))
            return function

        return register

    def skill(
        self, folder: str | os.PathLike[str], path: str | None = None, *, scopes: Sequence[str] = ()
    ) -> None:
        """Serve a folder with a SKILL.md, and all other files in it, as a skill (SEP-2640).

        It is looked at now, and its digests are computed when they are first asked for.

        Args:
            folder: relative to the working directory; ``Path(__file__).parent / "skills/refunds"`` is not.
            path: in front of the files in URIs, such as ``acme/billing/refunds``, whose last segment is the
                name of the skill; default: the folder's name.
            scopes: what its reader needs, all of it. On stdio nobody is asked for scopes.

        Raises:
            DeclarationError: it is none that hosts have to accept, or the path is taken.
        """
        from lambent.features.skills.declaring import single  # servers without skills never load it

        self._add_shelf(single(folder, path, read_scopes(scopes)))

    def skills(
        self,
        source: str | os.PathLike[str] | SkillFiles,
        prefix: str | None = None,
        *,
        scopes: Sequence[str] = (),
    ) -> None:
        """Serve every folder with a SKILL.md that is somewhere in a folder, or in another source, as a skill.

        Args:
            source: a folder, as of ``skill``; or ``S3Skills``, whose skills are looked up with each request.
            prefix: in front of the path of each skill, such as ``acme/billing``; default: nothing.
            scopes: see ``skill``; skills with scopes need a prefix.

        Raises:
            DeclarationError: see ``skill``.
        """
        from lambent.features.skills.declaring import several  # as above

        self._add_shelf(several(source, prefix, read_scopes(scopes)))

    def _add_shelf(self, shelf: Shelf) -> None:
        from lambent.features.skills.declaring import add_resources

        self._not_frozen("skill")
        add_resources(self, self._shelves, shelf, self._empty.hints["resources/list"])
        self._shelves.append(shelf)

    def event(
        self,
        name: str,
        *,
        payload: Any,
        arguments: Any = None,
        delivery: Sequence[Mode] = ("poll",),
        description: str | None = None,
        meta: dict[str, Any] | None = None,
        allow: Callable[..., Any] | None = None,
        check: Callable[..., Any] | None = None,
        scopes: Sequence[str] = (),
        poll_interval: timedelta = timedelta(seconds=30),
        retention: timedelta = timedelta(days=1),
    ) -> Callable[[F], F]:
        """Register an event type, with the function that says what a subscription gets (SEP-3415).

        The function is called for each occurrence and each subscription, with the payload, the arguments of
        the subscription where there are some, and the principal of its caller; it may take fewer of them. It
        returns True for the payload as it is, another payload in place of it, or False for nothing. One that
        is declared to return None says nothing: every subscription gets everything.

        Args:
            name: such as ``order.refunded``.
            payload: the type of what is delivered, a record.
            arguments: the type of what a subscription says, such as a filter: a record; default: nothing.
            delivery: how occurrences may be delivered: ``"poll"``, ``"push"``, ``"webhook"``. A host serves
                those that it can.
            description: default: the docstring.
            meta: ``_meta`` of the definition.
            allow: called with the arguments and the principal, or with the principal alone where there are no
                arguments: whether the caller may have this. Default: who has the scopes.
            check: for what cannot be emitted, because the upstream can only be asked: called with the
                arguments, where there are some, with the cursor that it gave last, or None for now, and, if
                it takes that, with how many occurrences there may be. It returns ``Checked``. With
                ``"webhook"`` a schedule has it called, for all subscriptions, and so without arguments.
            scopes: what the caller needs, all of it. On stdio nobody is asked for scopes.
            poll_interval: after which clients should ask again.
            retention: how long an occurrence can be had.

        Raises:
            DeclarationError: a type cannot be described, the function does not fit, or the name is taken.
        """
        if not isinstance(name, str):
            raise DeclarationError(
                'Write @mcp.event("order.refunded", payload=...), with the name of the event'
            )
        from lambent.features.events import make_event  # servers without events never load it

        def register(function: F) -> F:
            event = make_event(
                name,
                function,
                payload,
                arguments=arguments,
                delivery=delivery,
                description=description,
                meta=meta,
                allow=allow,
                check=check,
                scopes=read_scopes(scopes),
                poll_interval=poll_interval,
                retention=retention,
            )
            self._add(self._events, name, event, "event")
            return function

        return register

    @property
    def source(self) -> Sources:
        """Decorators of functions that make occurrences of events of AWS: ``@mcp.source.eventbridge(...)``.

        ``lambda_handler`` takes these events: see ``Sources``.
        """
        from lambent.features.source_decorators import Sources  # servers without sources never load it

        return Sources(self.add_source)
