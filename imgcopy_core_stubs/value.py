"""What makes a frozen attrs class a value, written once for all of them.

attrs writes `__eq__`, `__hash__` and `__repr__` for each class anew, and Python compiles them at
each start. For the classes that every command loads that takes longer than loading `pluggy`: so
they say `@frozen(eq=False, repr=False)`, and inherit from here what does the same. A transport's
references and options can do so too; attrs' own methods are as good.

What only a few modules know, and nobody compares, is a named tuple: attrs takes three times as long
to make a class.
"""

from attrs import fields, frozen


@frozen(eq=False, repr=False)
class Value:
    """Equal to objects of its own class whose fields are equal.

    Fields with `eq=False`, `hash=False` or `repr=False` are left out, as attrs leaves them out.
    """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value) or other.__class__ is not self.__class__:
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        # attrs says None for a field that is part of the hash if it is compared.
        hashed = (f.name for f in fields(type(self)) if (f.eq if f.hash is None else f.hash))
        return hash(tuple(getattr(self, name) for name in hashed))

    def __repr__(self) -> str:
        names = (field.name for field in fields(type(self)) if field.repr)
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    def _compared(self) -> tuple[object, ...]:
        return tuple(getattr(self, field.name) for field in fields(type(self)) if field.eq)
