package org.kivy.android;

import android.content.Context;
import java.io.File;

/** As PythonService: what of it is used. */
public class PythonUtil {
    public static void unpackAsset(
            Context ctx, final String resource, File target, boolean cleanup_on_version_update) {}

    public static void unpackPyBundle(
            Context ctx, final String resource, File target, boolean cleanup_on_version_update) {}
}
