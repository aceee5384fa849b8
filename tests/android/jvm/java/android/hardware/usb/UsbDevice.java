package android.hardware.usb;

public class UsbDevice {
    final String path;
    private final String name;
    private final int vendor;
    private final int product;
    private final UsbInterface[] interfaces;

    UsbDevice(String name, int vendor, int product, int[] classes, String path) {
        this.name = name;
        this.vendor = vendor;
        this.product = product;
        this.path = path;
        interfaces = new UsbInterface[classes.length];
        for (int i = 0; i < classes.length; i++) {
            interfaces[i] = new UsbInterface(i, classes[i]);
        }
    }

    public String getDeviceName() {
        return name;
    }

    public int getVendorId() {
        return vendor;
    }

    public int getProductId() {
        return product;
    }

    public int getInterfaceCount() {
        return interfaces.length;
    }

    public UsbInterface getInterface(int index) {
        return interfaces[index];
    }
}
