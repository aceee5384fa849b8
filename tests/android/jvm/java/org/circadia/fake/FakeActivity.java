package org.circadia.fake;

import android.app.Activity;

/** Over `Phone.app`. */
public final class FakeActivity extends Activity {
}
