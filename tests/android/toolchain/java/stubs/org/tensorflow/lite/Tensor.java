package org.tensorflow.lite;

public interface Tensor {
    String name();

    int index();

    int[] shape();

    int numBytes();

    DataType dataType();

    QuantizationParams quantizationParams();

    class QuantizationParams {
        public native float getScale();

        public native int getZeroPoint();
    }
}
