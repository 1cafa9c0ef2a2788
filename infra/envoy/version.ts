/** Of the Envoy that tests and benchmarks run, and that the container image has. */
export const envoyVersion = "1.40.0";
