package org.circadia.android;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import org.kivy.android.PythonActivity;

/**
 * The phone was switched on, or the app updated: an agent that was to run runs again.
 *
 * <p>One that was to run has its job of last resort, which outlives both; a withdrawal of consent and a stop by the user
 * take that away.
 */
public class Renewal extends BroadcastReceiver {
    @Override
    public void onReceive(Context context, Intent intent) {
        String serviceClass = WakeJob.kept(context);
        boolean updated = Intent.ACTION_MY_PACKAGE_REPLACED.equals(intent.getAction());
        if (serviceClass == null || !(updated || Intent.ACTION_BOOT_COMPLETED.equals(intent.getAction()))) {
            return;
        }
        // On the main thread of the screens' process: they cannot begin to unpack meanwhile.
        if (PythonActivity.mActivity == null && !Unpacked.isCurrent(context)) {
            Unpacked.renew(context);
        }
        BoundedService.wake(context, serviceClass);
    }
}
