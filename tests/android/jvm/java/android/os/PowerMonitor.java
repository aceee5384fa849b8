package android.os;

public final class PowerMonitor {
    final int at;
    private final int type;
    private final String name;

    PowerMonitor(int at, int type, String name) {
        this.at = at;
        this.type = type;
        this.name = name;
    }

    public String getName() {
        return name;
    }

    public int getType() {
        return type;
    }
}
