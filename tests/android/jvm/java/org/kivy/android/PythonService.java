package org.kivy.android;

import android.content.Context;

/** python-for-android's, as far as the app looks at it: the field that holds the running service. */
public class PythonService {
    public static Context mService = null;
}
