/**
 * What each process of a test file begins with. `--test-force-exit` ends it when its tests are
 * done, and what was still on its way to the runner would be lost: so nothing is left on its way.
 */
const stdout = process.stdout as { readonly _handle?: { readonly setBlocking?: (isBlocking: boolean) => void } };
stdout._handle?.setBlocking?.(true);
