import { VisibleError } from "../../../../core/api/errors.ts";
import type { VmConfig } from "../../../../core/api/object/vm.ts";
import type { VmRow } from "../cluster/vms.ts";

type Cpus = Pick<VmConfig, "vcpu" | "cpu">;
interface Wanted {
  readonly vcpu?: number | undefined;
  readonly cpu?: Cpus["cpu"] | undefined;
}

/** A new VM's vCPUs, and its cores and sockets, which make as many. @throws BAD_REQUEST */
export const newCpus = ({ vcpu, cpu = { cores: vcpu ?? 1, sockets: 1 } }: Wanted): Cpus => checked(vcpu, cpu);

/** The same of a VM that is there: what is not said stays, as far as it can. @throws BAD_REQUEST */
export const changedCpus = (vm: VmRow, { vcpu, cpu }: Wanted): Cpus => {
  if (cpu !== undefined) return checked(vcpu, cpu);
  const { cores, sockets } = vm;
  if (vcpu === undefined) return { vcpu: vm.vcpu, cpu: { cores, sockets } };
  if (vcpu % sockets === 0) return { vcpu, cpu: { cores: vcpu / sockets, sockets } };
  throw new VisibleError(
    "BAD_REQUEST",
    `${vcpu} vCPUs can't be shared out among the ${sockets} sockets of “${vm.name}”.`,
    {
      hint: `Give a multiple of ${sockets}, or with -f how many of both it is to have: cpu: { cores: ${vcpu}, sockets: 1 }`,
    },
  );
};

const checked = (vcpu: number | undefined, cpu: Cpus["cpu"]): Cpus => {
  const made = cpu.cores * cpu.sockets;
  if (vcpu === undefined || vcpu === made) return { vcpu: made, cpu };
  throw new VisibleError(
    "BAD_REQUEST",
    `${cpu.sockets} sockets of ${cpu.cores} cores each make ${made} vCPUs, and not ${vcpu}.`,
    { hint: "Give cores and sockets alone." },
  );
};
