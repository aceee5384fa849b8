package android.app;

import java.util.ArrayList;
import java.util.List;
import org.circadia.fake.Phone;

public class ActivityManager {
    ActivityManager() {
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    public List<ApplicationExitInfo> getHistoricalProcessExitReasons(String packageName, int pid, int maxNum) {
        List all = new ArrayList<Object>(Phone.EXITS);
        return maxNum > 0 && maxNum < all.size() ? all.subList(0, maxNum) : all;
    }
}
