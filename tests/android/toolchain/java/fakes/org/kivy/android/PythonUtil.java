package org.kivy.android;

import android.content.Context;
import fake.Phone;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;

/** Unpacks nothing, and leaves the version as the true one does. */
public class PythonUtil {
    public static void loadLibraries(File filesDir, File libsDir) {}

    public static void unpackAsset(
            Context ctx, final String resource, File target, boolean cleanup_on_version_update) {
        unpacked(target, resource);
    }

    public static void unpackPyBundle(
            Context ctx, final String resource, File target, boolean cleanup_on_version_update) {
        unpacked(target, new File(resource).getName());
    }

    private static void unpacked(File target, String name) {
        Phone.happened("unpacked " + name);
        try {
            Files.createDirectories(target.toPath());
            Files.write(new File(target, name + ".version").toPath(), Phone.packed.getBytes());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
