package android.util;

import fake.Phone;

public final class Log {
    public static int v(String tag, String msg) {
        return 0;
    }

    public static int w(String tag, String msg) {
        Phone.happened("warned: " + msg);
        return 0;
    }
}
