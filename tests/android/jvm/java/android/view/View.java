package android.view;

import org.circadia.fake.Phone;

public class View {
    View() {
    }

    public WindowInsets getRootWindowInsets() {
        return Phone.attached ? new WindowInsets() : null;
    }
}
