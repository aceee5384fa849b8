package android.content.pm;

public class ApplicationInfo {
    public int icon = 1;
    public String nativeLibraryDir = "/data/lib";

    public CharSequence loadLabel(PackageManager pm) {
        return "Circadia";
    }
}
