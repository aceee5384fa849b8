package android.content;

import java.util.HashMap;
import java.util.Map;

public class Intent {
    public static final String ACTION_BATTERY_CHANGED = "android.intent.action.BATTERY_CHANGED";
    private final Map<String, Integer> extras = new HashMap<String, Integer>();

    public Intent() {
    }

    public Intent(String action) {
    }

    public Intent setPackage(String packageName) {
        return this;
    }

    public Intent putExtra(String name, int value) {
        extras.put(name, value);
        return this;
    }

    public int getIntExtra(String name, int missing) {
        return extras.containsKey(name) ? extras.get(name) : missing;
    }
}
