package org.kivy.android;

public class PythonActivity {}
