package org.kivy.android;

import android.app.Activity;

/** As PythonService: what of it is used. */
public class PythonActivity extends Activity {
    public static PythonActivity mActivity = null;
}
