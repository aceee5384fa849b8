package org.kivy.android;

import android.content.Context;

public class PythonActivity {
    public static Context mActivity = null;
}
