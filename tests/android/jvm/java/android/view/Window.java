package android.view;

import org.circadia.fake.Phone;

public class Window {
    Window() {
    }

    public View getDecorView() {
        return (View) Phone.decor();
    }
}
