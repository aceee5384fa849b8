package android.content.pm;

public class ApplicationInfo extends PackageItemInfo {
    public String nativeLibraryDir = "/data/lib";
}
