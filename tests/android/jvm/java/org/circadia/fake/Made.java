package org.circadia.fake;

import java.lang.reflect.Constructor;

/** Makes what apps cannot. */
public final class Made {
    private Made() {
    }

    /** Android's own objects have no public constructors. */
    public static Object made(String name, Object... arguments) {
        try {
            Constructor<?> constructor = Class.forName(name).getDeclaredConstructors()[0];
            constructor.setAccessible(true);
            return constructor.newInstance(arguments);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }
}
