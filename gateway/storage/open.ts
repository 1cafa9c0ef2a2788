import { VisibleError } from "../../core/api/errors.ts";
import { tighten } from "../files/private.ts";
import { whileMoving } from "../time/standstill.ts";
import { steadyTime, type Time } from "../time/time.ts";
import type { StorageCall } from "./call.ts";
import { placeOf, privatePathsOf, type StorageConfig } from "./config.ts";
import type { StorageDriver } from "./driver.ts";
import { ExtentStore } from "./extentstore/extentstore.ts";
import { openSmtx, type SmtxOptions } from "./smtx/open.ts";
import { storageTimeouts } from "./timed-calls.ts";
import { withTimeouts } from "./with-timeouts.ts";

/**
 * Opens the storage of a configuration, with a timeout on every call
 * (with-timeouts.ts); it must be closed.
 * @throws STORE_IN_USE, STORE_TOO_NEW, STORE_CORRUPT, STORE_FULL, DISK_FAILED,
 * TIMEOUT, the signal's reason
 */
export const openStorage = async (
  config: StorageConfig,
  {
    time = steadyTime,
    onTightened = () => undefined,
    onRecovered,
    ...call
  }: {
    readonly time?: Time;
    /** Told how many of its files and folders were open to other users, and are no more. */
    readonly onTightened?: (count: number) => void;
    readonly onRecovered?: SmtxOptions["onRecovered"];
  } & StorageCall = {},
): Promise<StorageDriver> => {
  const seconds = storageTimeouts.durableSeconds;
  const driver = await whileMoving<StorageDriver>(
    {
      ...call,
      seconds,
      time,
      late: () =>
        new VisibleError("TIMEOUT", `The storage in ${placeOf(config)} could not be opened within ${seconds} s.`, {
          hint: "See whether the disk or the cluster that it is on still answers.",
        }),
      // It would hold its locks as long as this process lives.
      onAbandoned: (late) => void late.then((driver) => driver.close()).catch(() => undefined),
    },
    async (watch) => {
      let count = 0;
      for (const path of privatePathsOf(config)) count += await tighten(path);
      if (count > 0) onTightened(count);
      return openDriver(config, { ...watch, onRecovered });
    },
  );
  return withTimeouts(driver, { time });
};

/** The same without timeouts, for whoever is watched over from outside. */
export const openDriver = async (
  config: StorageConfig,
  { onRecovered, ...call }: Pick<SmtxOptions, "onRecovered"> & StorageCall = {},
): Promise<StorageDriver> => {
  switch (config.kind) {
    case "extentstore":
      return ExtentStore.open(config.dir, {
        ...(config.openFiles !== undefined && { openFiles: config.openFiles }),
        ...call,
      });
    case "smtx":
      return openSmtx(config, { ...call, onRecovered });
  }
};
