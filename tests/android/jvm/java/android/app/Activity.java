package android.app;

import android.content.Context;
import android.content.ContextWrapper;
import android.view.Window;
import org.circadia.fake.Phone;

public class Activity extends ContextWrapper {
    public Activity() {
        this(Phone.app);
    }

    private Activity(Context app) {
        super(app);
    }

    public Window getWindow() {
        return (Window) Phone.window();
    }
}
