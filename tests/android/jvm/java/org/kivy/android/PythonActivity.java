package org.kivy.android;

import android.content.Context;

/** The same of the screens. */
public class PythonActivity {
    public static Context mActivity = null;
}
