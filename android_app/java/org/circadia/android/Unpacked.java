package org.circadia.android;

import android.content.Context;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import org.kivy.android.PythonUtil;

/**
 * The app's Python, as python-for-android's screens unpack it into the app's files when they begin.
 *
 * <p>An update brings new native libraries at once, and the Python that belongs to them only then.
 */
final class Unpacked {
    /** Of two archives, the second one unpacked last; each leaves a file with the version of the package. */
    private static final String[] ARCHIVES = {"private", "libpybundle"};

    private Unpacked() {}

    /** Whether both are of the package that is installed now. */
    static boolean isCurrent(Context context) {
        int id = context.getResources().getIdentifier("private_version", "string", context.getPackageName());
        if (id == 0) {
            return true; // nothing that would have to be unpacked
        }
        String packed = context.getString(id);
        for (String archive : ARCHIVES) {
            if (!packed.equals(line(new File(folder(context), archive + ".version")))) {
                return false;
            }
        }
        return true;
    }

    /** As the screens do it, who must not do it meanwhile. */
    static void renew(Context context) {
        PythonUtil.unpackAsset(context, "private", folder(context), true);
        String bundle = context.getApplicationInfo().nativeLibraryDir + "/libpybundle";
        PythonUtil.unpackPyBundle(context, bundle, folder(context), false);
    }

    private static File folder(Context context) {
        return new File(context.getFilesDir(), "app");
    }

    private static String line(File file) {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(new FileInputStream(file), "UTF-8"))) {
            return reader.readLine();
        } catch (IOException error) {
            return null;
        }
    }
}
