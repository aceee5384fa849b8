package android.os;

import fake.Phone;

/** Keeps what is to run later; a scenario lets the time pass. */
public class Handler {
    public Handler(Looper looper) {}

    public final boolean postDelayed(Runnable r, long delayMillis) {
        Phone.LATER.add(r);
        return true;
    }

    public final void removeCallbacks(Runnable r) {
        Phone.LATER.remove(r);
    }
}
