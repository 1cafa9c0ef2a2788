import { fileURLToPath } from "node:url";
import { installPythonProgram } from "../python-program.ts";
import { cachedCloudTowerSdk, cloudTowerSdkBefore, cloudTowerSdkVersion } from "./program.ts";

/* Puts the SDK into the project's cache, and makes the contract of it. */
installPythonProgram({
  title: "cloudtower-sdk",
  dir: cachedCloudTowerSdk.dir,
  package: "cloudtower-sdk",
  version: cloudTowerSdkVersion,
  publishedBefore: cloudTowerSdkBefore,
  check: (run) =>
    run(
      cachedCloudTowerSdk.python,
      fileURLToPath(new URL("contract.py", import.meta.url)),
      cachedCloudTowerSdk.contract,
    ),
});
