package android.os;

/** Keeps what is to run later; a scenario lets the time pass. */
public class Handler {
    public static Runnable later = null;

    public Handler(Looper looper) {}

    public final boolean postDelayed(Runnable r, long delayMillis) {
        later = r;
        return true;
    }

    public final void removeCallbacks(Runnable r) {
        later = null;
    }
}
