"""The code of a plugin whose transport `fake:` is an image layout, and may misbehave.

Its source and destination pass every call on to those of `oci:`, after `before(operation)`, which
a test may define otherwise. Written as a stranger would, with the public names, but for `oci:`.
"""

LAYOUT = """
    import functools
    import attrs
    from imgcopy_core_stubs import ImageReference, Transport
    from imgcopy_core_stubs.transports import OciTransport

    def before(operation):
        pass

    class Passing:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            member = getattr(self.inner, name)
            return functools.partial(self.call, name, member) if callable(member) else member

        def call(self, name, method, *arguments, **more):
            before(name)
            return method(*arguments, **more)

        def __enter__(self):
            return self

        def __exit__(self, *details):
            self.inner.close()

    @attrs.frozen
    class Reference(ImageReference):
        scheme = "fake"
        inner: object

        def __str__(self):
            return str(self.inner)

        def tags(self, options=None):
            before("tags")
            return self.inner.tags()

        def open_source(self, options=None):
            before("open_source")
            return Passing(self.inner.open_source())

        def open_destination(self, options=None):
            before("open_destination")
            return Passing(self.inner.open_destination())

    class Fake(Transport):
        scheme = "fake"

        def parse_reference(self, text):
            before("parse_reference")
            return Reference(OciTransport().parse_reference(text))
"""
