package android.content;

import android.os.Bundle;

public class Intent {
    public static final String ACTION_BOOT_COMPLETED = "android.intent.action.BOOT_COMPLETED";
    public static final String ACTION_MY_PACKAGE_REPLACED = "android.intent.action.MY_PACKAGE_REPLACED";

    private final Bundle extras = new Bundle();
    private String action = null;

    public Intent() {}

    public Intent(String action) {
        this.action = action;
    }

    public Intent setPackage(String packageName) {
        return this;
    }

    public Intent(Context packageContext, Class<?> cls) {}

    public Intent setClassName(Context packageContext, String className) {
        return this;
    }

    public Intent setAction(String action) {
        this.action = action;
        return this;
    }

    public String getAction() {
        return action;
    }

    public Intent putExtra(String name, String value) {
        extras.putString(name, value);
        return this;
    }

    public String getStringExtra(String name) {
        return extras.getString(name);
    }

    public Bundle getExtras() {
        return extras;
    }
}
