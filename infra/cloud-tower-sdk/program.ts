import { fileURLToPath } from "node:url";

/** Of the vendor's SDK that the stand-in of a cluster is held to. */
export const cloudTowerSdkVersion = "2.23.0";

/** It leaves open which versions of other packages it works with: those of this day. */
export const cloudTowerSdkBefore = "2026-11-28";

const dir = fileURLToPath(new URL("../../.cache/cloud-tower-sdk", import.meta.url));

/** Where `npm run cloud-tower-sdk:install` puts it, its Python, and the contract made of it. */
export const cachedCloudTowerSdk = { dir, python: `${dir}/bin/python`, contract: `${dir}/contract.json` } as const;
