"""Java from Python: the only module that imports jnius.

Four rules stand here, so that nobody else has to know them:

- A Python thread that calls Java is attached to it and would stay so for ever: `Jvm.call` lets go of it at its end, once
  what it held of Java's is gone. A thread that Java itself made, the program's first one too, must not be let go of:
  Android ends the process.
- jnius keeps the object that a method is called on in the method, one for all threads: so calls to the system's objects
  go one after the other. An `OwnMethod` has one for itself and may take its time.
- A Python thread finds no class of the app's own, only the system's: those come through the app's class loader, by
  reflection, and take and give plain values.
- A name that a device does not have yet leaves a half-thrown error behind: what is not in the table, or newer, is not asked for.
"""

from __future__ import annotations

import threading
import traceback
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from circadia.errors import PlatformUnavailable, SensorError
from circadia_app.names import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXTS = (("org.kivy.android.PythonService", "mService"), ("org.kivy.android.PythonActivity", "mActivity"))
"""Classes of python-for-android, and the field that holds the one that runs in this process."""
JAVAS = {
    "java.util.List": {"size": "()I", "get": "(I)Ljava/lang/Object;"},
    "java.time.Duration": {"toMillis": "()J"},
    "java.lang.ClassLoader": {"loadClass": "(Ljava/lang/String;)Ljava/lang/Class;"},
    "java.lang.Class": {"getMethods": "()[Ljava/lang/reflect/Method;"},
    "java.lang.reflect.Method": {
        "getName": "()Ljava/lang/String;",
        "invoke": "(Ljava/lang/Object;[Ljava/lang/Object;)Ljava/lang/Object;",
    },
}
"""Java's own classes that are used, and their methods."""
APART = "circadia"
"""Under this jnius keeps our classes, beside those that others in the process have it make."""


class Jvm:
    """The process's Java, and the app's context in it. For any thread."""

    def __init__(self, context: Any, level: int) -> None:
        """`context`: an `android.content.Context` as jnius has it; `level`: the device's, by which names are offered."""
        self.level = level
        self._lock = threading.RLock()
        self._depth = threading.local()
        self._classes: dict[str, Any] = {}
        self._services: dict[str, Any] = {}
        """Kept for good: where Java's objects die, a thread is attached."""
        self.context = self.call(lambda: self.seen_as("android.content.Context", context))
        """The app's."""
        self.package: str = self.call(self.context.getPackageName)
        """The app's name on the device."""

    def call(self, work: Callable[[], Any]) -> Any:
        """What `work` gives, which may touch Java's objects; one thread at a time. Better no object of Java's is in it.

        `SensorError` for an error of Java's, with its words.
        """
        with self._lock:
            return self.attached(work)

    def attached(self, work: Callable[[], Any]) -> Any:
        """As `call`, beside other threads: for methods of which there is one for each object."""
        import jnius

        depth = getattr(self._depth, "now", 0)
        self._depth.now = depth + 1
        try:
            return work()
        except jnius.JavaException as error:
            told = told_by(error)
            _forget(error)
        except BaseException as error:
            _forget(error)
            raise
        finally:
            self._depth.now = depth
            if depth == 0 and is_pythons(threading.current_thread()):
                jnius.detach()
        raise SensorError(f"Android refuses: {told}")

    # Within `call`

    def service(self, name: str, key: str) -> Any:
        """One of the system's services, of the class `name`; None where the device has none."""
        if name not in self._services:
            newer = TABLE[name].level > self.level
            found = None if newer else self.context.getSystemService(key)
            self._services[name] = None if found is None else self.seen_as(name, found)
        return self._services[name]

    def needed(self, name: str, key: str) -> Any:
        """The same; `SensorError` where the device has none."""
        found = self.service(name, key)
        if found is None:
            raise SensorError(f"Android {self.level} has no {name} here")
        return found

    def seen_as(self, name: str, thing: Any) -> Any:
        """A Java object as one of a class of the table or of `JAVAS`, with those of its methods that this level has."""
        from jnius import cast

        if name not in self._classes:
            self._classes[name] = declared(name, self.level)
        return cast(self._classes[name], thing)

    def wrapping(self) -> Callable[[bytes], Any]:
        """What makes a `java.nio.ByteBuffer` of bytes."""
        from jnius import JavaClass, JavaStaticMethod, MetaJavaClass

        body = {
            "__javaclass__": "java/nio/ByteBuffer",
            "__module__": __name__,
            "wrap": JavaStaticMethod("([B)Ljava/nio/ByteBuffer;"),
        }
        buffers = MetaJavaClass.__new__(MetaJavaClass, "ByteBuffer", (JavaClass,), body, classparams=APART)
        return buffers.wrap  # type: ignore[no-any-return]

    # For any thread

    def has(self, owner: str, member: str) -> bool:
        """Whether this level has it; `KeyError` if the table does not."""
        found = TABLE[owner]
        if not any(one.name == member for one in found.members):
            raise KeyError(f"{owner}.{member} is not in the table of names")
        return any(one.name == member for one in found.at(self.level))

    def own(self, name: str, method: str) -> OwnMethod:
        """A static method of one of the app's own classes. `PlatformUnavailable` names what is missing."""
        try:
            found = self.call(lambda: self._own(name, method))
        except SensorError as error:
            raise PlatformUnavailable(
                f"{error}: the app was built without {name}; give android_app/java to android.add_src"
            ) from error
        if found is None:
            raise PlatformUnavailable(
                f"{name} has no method {method}; build the app with its own android_app/java"
            )
        return OwnMethod(self, found)

    def _own(self, name: str, method: str) -> Any:
        loader = self.seen_as("java.lang.ClassLoader", self.context.getClassLoader())
        for one in self.seen_as("java.lang.Class", loader.loadClass(name)).getMethods():
            if one.getName() == method:
                from jnius import cast

                return cast(declared("java.lang.reflect.Method", self.level), one)
        return None


class OwnMethod:
    """A static method of the app's own Java. Threads need not wait for one another here."""

    def __init__(self, jvm: Jvm, method: Any) -> None:
        """`method`: a `java.lang.reflect.Method`, the only one of its class in Python."""
        self._jvm, self._method = jvm, method

    def __call__(self, *arguments: Any) -> Any:
        """Call it with the app's context and these, all Java's objects; errors as of `Jvm.call`."""
        # A tuple, for what a list held would be read back out of Java.
        return self._jvm.attached(lambda: self._method.invoke(None, (self._jvm.context, *arguments)))


def declared(name: str, level: int) -> Any:
    """jnius's class for a class of the table, or of Java's, with no other methods than stand there for this level.

    Made anew, and known to nobody else. In a thread that is attached.
    """
    from jnius import JavaClass, JavaMethod, MetaJavaClass, find_javaclass

    if name in JAVAS:
        methods = JAVAS[name]
    else:
        methods = {one.name: one.type for one in TABLE[name].at(level) if one.type.startswith("(")}
    find_javaclass(name)  # says so if it is not there
    body = {"__javaclass__": name.replace(".", "/"), "__module__": __name__}
    body |= {method: JavaMethod(kind) for method, kind in methods.items() if method != "<init>"}
    return MetaJavaClass.__new__(MetaJavaClass, name, (JavaClass,), body, classparams=APART)


def is_pythons(thread: threading.Thread) -> bool:
    """Whether Python started it, so that it has to be let go of; Java's own threads are dummies to Python."""
    return thread is not threading.main_thread() and not isinstance(thread, threading._DummyThread)  # noqa: SLF001  there is no other sign


def told_by(error: Any) -> str:
    """A Java error's own words; of one that reflection wrapped, those of its cause."""
    lines = error.stacktrace or ()
    causes = [after for before, after in pairwise(lines) if before == "Caused by:"]
    return str(causes[-1] if causes else error.args[0])


def _forget(error: BaseException) -> None:
    """What its frames hold of Java's must go while the thread is attached."""
    traceback.clear_frames(error.__traceback__)


@cache
def here() -> Jvm:
    """This process's, once it was asked for in the program's first thread: others do not find the app's classes.

    `PlatformUnavailable` where there is no Java, or nothing of python-for-android runs in it.
    """
    try:
        import jnius
    except Exception as error:  # jnius raises what it likes when it finds no Java
        raise PlatformUnavailable(
            f'no Java in this process ({error}); platform.kind = "android" is of the app on a phone'
        ) from error
    try:
        context, tried = _context()
        if context is None:
            raise PlatformUnavailable(
                f"no context of python-for-android ({'; '.join(tried) or 'neither service nor activity runs'}); call "
                "circadia_app.jvm.here() in the first thread of the service or the app before others need it"
            )
        return Jvm(context, int(jnius.autoclass("android.os.Build$VERSION").SDK_INT))
    finally:
        if is_pythons(threading.current_thread()):
            jnius.detach()


def _context() -> tuple[Any, list[str]]:
    """The running service's or activity's context, or None; and why a class was not found."""
    from jnius import JavaException, autoclass

    context, tried = None, []
    for name, field in CONTEXTS:
        try:
            context = context or getattr(autoclass(name), field)
        except JavaException as error:
            tried.append(told_by(error))
    return context, tried
