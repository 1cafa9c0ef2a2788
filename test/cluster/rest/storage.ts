import type { Striping } from "../zbs/extent-table.ts";
import type { Zbs, ZbsBehaviour } from "../zbs/zbs.ts";

/** What serves a target of a cluster to initiators. */
export interface TargetSettings {
  readonly iqn: string;
  /** As CloudTower has it: names with commas between them; a star is everybody. */
  readonly iqnWhitelist: string;
  /** Absent: nobody is asked who he is. */
  readonly chap?: { readonly user: string; readonly secret: string } | undefined;
}

/** Serves LUNs over iSCSI. */
export interface LunService {
  /** Makes a target, or brings one that is there to these settings. */
  putTarget(settings: TargetSettings): Promise<void>;
  removeTarget(iqn: string): Promise<void>;
  addLun(iqn: string, lunId: number, path: string): Promise<void>;
  removeLun(iqn: string, lunId: number): Promise<void>;
  /** After its file has grown: whoever has it open loses his reservations. */
  growLun(iqn: string, lunId: number, path: string): Promise<void>;
  /** The addresses of who is logged in. */
  connections(iqn: string): Promise<readonly string[]>;
}

/** What only a real cluster can tell of itself; a test may set it to either answer. */
export interface ClusterBehaviour extends ZbsBehaviour {
  /** Whether a LUN may be rolled back to a snapshot of another one. */
  rollsBackToOthers: boolean;
  /** Whether a virtual volume's snapshot may be cloned into an ordinary target. */
  clonesVolumesAnywhere: boolean;
  /** Whether the extent tables of snapshots are shown by their ids. */
  tablesOfSnapshots: boolean;
  /** Whether the LUNs of virtual volumes may be in consistency groups. */
  groupsTakeVolumes: boolean;
  /** Whether CloudTower lists the snapshots that the command line has made. */
  listsCommandLine: boolean;
  /** Whether its command line makes a file of a LUN. */
  makesFiles: boolean;
  /** Whether a LUN's size is shown as it was rounded up, or as it was asked for. */
  showsRoundedSizes: boolean;
}

/** What a cluster has below CloudTower. */
export interface ClusterStorage {
  readonly zbs: Zbs;
  readonly luns: LunService;
  readonly extentBytes: number;
  /** Of virtual volumes. */
  readonly volumeStriping: Striping;
  readonly behaviour: ClusterBehaviour;
  /** Whether any number of stripes is taken, and not only what ZBS is documented to take. */
  readonly takesAnyStripes: boolean;
  usedBytes(): number;
}
