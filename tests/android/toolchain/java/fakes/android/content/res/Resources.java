package android.content.res;

import fake.Phone;

public class Resources {
    public int getIdentifier(String name, String defType, String defPackage) {
        return Phone.packed != null && name.equals("private_version") ? 0x7f010000 : 0;
    }
}
