package android.view;

import org.circadia.fake.Phone;

public class WindowInsets {
    WindowInsets() {
    }

    public int getSystemWindowInsetLeft() {
        return 0;
    }

    public int getSystemWindowInsetTop() {
        return Phone.statusBar;
    }

    public int getSystemWindowInsetRight() {
        return 0;
    }

    public int getSystemWindowInsetBottom() {
        return Phone.navigationBar;
    }
}
