import { geometry } from "./scenario.ts";

export const vmCount = 1000;
export const disksEach = 4;
const macOf = (vm: number, nic: number): string => {
  const digits = (vm * 16 + nic).toString(16).padStart(8, "0");
  return `52:54:${digits.match(/../g)?.join(":")}`;
};
const size = "64KiB";
export const vmName = (vm: number): string => `vm-${vm.toString().padStart(4, "0")}`;

/** VMs of four disks and two NICs on two switches, as `object create` takes them. */
export const vmsWithDisks = (count = vmCount) => [
  { kind: "switch", name: "prod", vlans: [{ name: "web", vlanId: 10 }] },
  { kind: "switch", name: "san" },
  ...Array.from({ length: count }, (_, vm) => ({
    kind: "vm",
    name: vmName(vm),
    memory: "4GiB",
    cpu: { cores: 2, sockets: 1 },
    firmware: "UEFI",
    labels: { env: vm % 2 === 0 ? "prod" : "test" },
    disks: Array.from({ length: disksEach }, () => ({ size, geometry })),
    nics: [
      { switch: "prod", vlan: "web", macAddress: macOf(vm, 0), ipAddress: `10.0.${vm >> 8}.${vm & 255}` },
      { switch: "san", macAddress: macOf(vm, 1), model: "E1000" },
    ],
  })),
];
