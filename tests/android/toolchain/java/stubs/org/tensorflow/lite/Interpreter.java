package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;

/** Of LiteRT's Java API what TfliteBridge calls; nothing of it runs. */
public final class Interpreter implements AutoCloseable {
    public Interpreter(ByteBuffer byteBuffer, Options options) {}

    public static class Options {
        public Options setNumThreads(int numThreads) {
            return this;
        }
    }

    public native int getInputTensorCount();

    public native int getOutputTensorCount();

    public native Tensor getInputTensor(int inputIndex);

    public native Tensor getOutputTensor(int outputIndex);

    public native String[] getSignatureKeys();

    public native String[] getSignatureInputs(String signatureKey);

    public native String[] getSignatureOutputs(String signatureKey);

    public native Tensor getInputTensorFromSignature(String inputName, String signatureKey);

    public native Tensor getOutputTensorFromSignature(String outputName, String signatureKey);

    public native void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs);

    public native void runSignature(Map<String, Object> inputs, Map<String, Object> outputs, String signatureKey);

    @Override
    public native void close();
}
