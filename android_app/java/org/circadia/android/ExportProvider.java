package org.circadia.android;

import android.content.ClipData;
import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.content.Intent;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;
import java.util.List;

/**
 * The files that the person had made to be given away, and nothing else of the app's: read by whoever the share sheet gave
 * one to. Never exported. Android 6's API only.
 */
public final class ExportProvider extends ContentProvider {
    /** Among the app's files; as circadia_app.folder has it. */
    private static final String FOLDER = "circadia/exports";
    private static final String AUTHORITY = ".exports";

    /** Open the system's sheet for one of these files; whoever is chosen there may read it, and it alone. */
    public static void share(Context context, String name, String title) {
        Uri uri = new Uri.Builder()
            .scheme("content")
            .authority(context.getPackageName() + AUTHORITY)
            .appendPath(name)
            .build();
        Intent send = new Intent(Intent.ACTION_SEND);
        send.setType(typeOf(name));
        send.putExtra(Intent.EXTRA_STREAM, uri);
        send.setClipData(ClipData.newRawUri(name, uri)); // by which the sheet hands the permission on
        send.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
        Intent sheet = Intent.createChooser(send, title);
        sheet.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK | Intent.FLAG_GRANT_READ_URI_PERMISSION);
        context.startActivity(sheet);
    }

    @Override
    public boolean onCreate() {
        return true;
    }

    @Override
    public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        if (!"r".equals(mode)) {
            throw new FileNotFoundException("only to be read");
        }
        return ParcelFileDescriptor.open(fileOf(uri), ParcelFileDescriptor.MODE_READ_ONLY);
    }

    @Override
    public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
        MatrixCursor told = new MatrixCursor(new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE}, 1);
        try {
            File file = fileOf(uri);
            told.addRow(new Object[] {file.getName(), file.length()});
        } catch (FileNotFoundException gone) {
            return told;
        }
        return told;
    }

    @Override
    public String getType(Uri uri) {
        return typeOf(String.valueOf(uri.getLastPathSegment()));
    }

    @Override
    public Uri insert(Uri uri, ContentValues values) {
        throw new UnsupportedOperationException("only to be read");
    }

    @Override
    public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        throw new UnsupportedOperationException("only to be read");
    }

    @Override
    public int delete(Uri uri, String selection, String[] arguments) {
        throw new UnsupportedOperationException("only to be read");
    }

    private File fileOf(Uri uri) throws FileNotFoundException {
        List<String> path = uri.getPathSegments();
        String name = path.size() == 1 ? path.get(0) : "";
        File file = new File(new File(getContext().getFilesDir(), FOLDER), name);
        if (name.isEmpty() || name.startsWith(".") || name.contains("/") || !file.isFile()) {
            throw new FileNotFoundException(name);
        }
        return file;
    }

    private static String typeOf(String name) {
        return name.endsWith(".zip") ? "application/zip" : "text/plain";
    }
}
