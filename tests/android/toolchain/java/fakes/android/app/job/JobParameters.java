package android.app.job;

import android.os.PersistableBundle;

public class JobParameters {
    private final PersistableBundle extras = new PersistableBundle();

    public PersistableBundle getExtras() {
        return extras;
    }
}
