package android.os;

import java.util.ArrayDeque;
import java.util.Deque;

public final class Parcel {
    private final Deque<Integer> written = new ArrayDeque<>();

    private Parcel() {}

    public static Parcel obtain() {
        return new Parcel();
    }

    public final void recycle() {
        written.clear();
    }

    public final void writeInt(int val) {
        written.add(val);
    }

    public final int readInt() {
        Integer found = written.poll();
        return found == null ? 0 : found;
    }
}
