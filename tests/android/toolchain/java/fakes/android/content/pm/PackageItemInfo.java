package android.content.pm;

public class PackageItemInfo {
    public int icon = 1;

    public CharSequence loadLabel(PackageManager pm) {
        return "Circadia";
    }
}
