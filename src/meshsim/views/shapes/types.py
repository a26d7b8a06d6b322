"""Room views, shapes: the Go struct types of the Engine API, as tables.

Comes in: nothing. Goes out: one :class:`~meshsim.gotext.values.GoType` per struct, fields in Go's order.
``?`` is ``omitempty``. Rule of this file: data only; who fills them is in the files beside it.

Source: moby api/types/swarm (service.go, task.go, node.go, network.go, swarm.go, secret.go, config.go,
common.go, container.go), api/types/network/network.go, at the API versions 1.41 to 1.50.
"""

from __future__ import annotations

from meshsim.gotext.values import GoType

# -- what all objects have
VERSION = GoType("swarm.Version", "Index?:int")
META = GoType("swarm.Meta", "Version?:struct CreatedAt?:int UpdatedAt?:int")
ANNOTATIONS = GoType("swarm.Annotations", "Name?:str Labels:map")
DRIVER = GoType("swarm.Driver", "Name?:str Options?:map")
TLS_INFO = GoType("swarm.TLSInfo", "TrustRoot?:str CertIssuerSubject?:str CertIssuerPublicKey?:str")

# -- services and tasks
PORT = GoType(
    "swarm.PortConfig", "Name?:str Protocol?:str TargetPort?:int PublishedPort?:int PublishMode?:str"
)
ENDPOINT_SPEC = GoType("swarm.EndpointSpec", "Mode?:str Ports?:list")
VIRTUAL_IP = GoType("swarm.EndpointVirtualIP", "NetworkID?:str Addr?:str")
ENDPOINT = GoType("swarm.Endpoint", "Spec?:struct Ports?:list VirtualIPs?:list")
UPDATE_CONFIG = GoType(
    "swarm.UpdateConfig",
    "Parallelism:int Delay?:int FailureAction?:str Monitor?:int MaxFailureRatio:float Order:str",
)
UPDATE_STATUS = GoType("swarm.UpdateStatus", "State?:str StartedAt?:ptr CompletedAt?:ptr Message?:str")
SERVICE_STATUS = GoType("swarm.ServiceStatus", "RunningTasks:int DesiredTasks:int CompletedTasks:int")
JOB_STATUS = GoType("swarm.JobStatus", "JobIteration:struct LastExecution?:int")
REPLICATED = GoType("swarm.ReplicatedService", "Replicas?:ptr")
GLOBAL = GoType("swarm.GlobalService", "")
REPLICATED_JOB = GoType("swarm.ReplicatedJob", "MaxConcurrent?:ptr TotalCompletions?:ptr")
GLOBAL_JOB = GoType("swarm.GlobalJob", "")
MODE = GoType("swarm.ServiceMode", "Replicated?:ptr Global?:ptr ReplicatedJob?:ptr GlobalJob?:ptr")
SERVICE_SPEC = GoType(
    "swarm.ServiceSpec",
    "Annotations:embed TaskTemplate?:struct Mode?:struct UpdateConfig?:ptr RollbackConfig?:ptr "
    "Networks?:list EndpointSpec?:ptr",
)
SERVICE = GoType(
    "swarm.Service",
    "ID:str Meta:embed Spec?:struct PreviousSpec?:ptr Endpoint?:struct UpdateStatus?:ptr "
    "ServiceStatus?:ptr JobStatus?:ptr",
)
DNS_CONFIG = GoType("swarm.DNSConfig", "Nameservers?:list Search?:list Options?:list")
HEALTH = GoType(
    "container.HealthConfig",
    "Test?:list Interval?:int Timeout?:int StartPeriod?:int StartInterval?:int Retries?:int",
)
FILE_TARGET = GoType("swarm.SecretReferenceFileTarget", "Name:str UID:str GID:str Mode:int")
SECRET_REFERENCE = GoType("swarm.SecretReference", "File:ptr SecretID:str SecretName:str")
CONFIG_REFERENCE = GoType("swarm.ConfigReference", "File?:ptr Runtime?:ptr ConfigID:str ConfigName:str")
MOUNT = GoType(
    "mount.Mount", "Type?:str Source?:str Target?:str ReadOnly?:bool Consistency?:str VolumeOptions?:ptr"
)
VOLUME_OPTIONS = GoType("mount.VolumeOptions", "NoCopy?:bool Labels?:map DriverConfig?:ptr")
VOLUME_DRIVER = GoType("mount.Driver", "Name?:str Options?:map")
CONTAINER_SPEC = GoType(
    "swarm.ContainerSpec",
    "Image?:str Labels?:map Command?:list Args?:list Hostname?:str Env?:list Dir?:str User?:str "
    "Groups?:list Privileges?:ptr Init?:ptr StopSignal?:str TTY?:bool OpenStdin?:bool ReadOnly?:bool "
    "Mounts?:list StopGracePeriod?:ptr Healthcheck?:ptr Hosts?:list DNSConfig?:ptr Secrets?:list "
    "Configs?:list Isolation?:str Sysctls?:map CapabilityAdd?:list CapabilityDrop?:list Ulimits?:list",
)
LIMIT = GoType("swarm.Limit", "NanoCPUs?:int MemoryBytes?:int Pids?:int")
RESOURCES = GoType("swarm.Resources", "NanoCPUs?:int MemoryBytes?:int GenericResources?:list")
GENERIC = GoType("swarm.GenericResource", "NamedResourceSpec?:ptr DiscreteResourceSpec?:ptr")
NAMED_GENERIC = GoType("swarm.NamedGenericResource", "Kind?:str Value?:str")
DISCRETE_GENERIC = GoType("swarm.DiscreteGenericResource", "Kind?:str Value?:int")
REQUIREMENTS = GoType("swarm.ResourceRequirements", "Limits?:ptr Reservations?:ptr")
RESTART_POLICY = GoType("swarm.RestartPolicy", "Condition?:str Delay?:ptr MaxAttempts?:ptr Window?:ptr")
SPREAD = GoType("swarm.SpreadOver", "SpreadDescriptor:str")
PREFERENCE = GoType("swarm.PlacementPreference", "Spread:ptr")
PLATFORM = GoType("swarm.Platform", "Architecture?:str OS?:str")
PLACEMENT = GoType("swarm.Placement", "Constraints?:list Preferences?:list MaxReplicas?:int Platforms?:list")
NETWORK_ATTACHMENT_CONFIG = GoType(
    "swarm.NetworkAttachmentConfig", "Target?:str Aliases?:list DriverOpts?:map"
)
ATTACHMENT_SPEC = GoType("swarm.NetworkAttachmentSpec", "ContainerID?:str")
TASK_SPEC = GoType(
    "swarm.TaskSpec",
    "ContainerSpec?:ptr PluginSpec?:ptr NetworkAttachmentSpec?:ptr Resources?:ptr RestartPolicy?:ptr "
    "Placement?:ptr Networks?:list LogDriver?:ptr ForceUpdate:int Runtime?:str",
)
CONTAINER_STATUS = GoType("swarm.ContainerStatus", "ContainerID:str PID:int ExitCode:int")
PORT_STATUS = GoType("swarm.PortStatus", "Ports?:list")
TASK_STATUS = GoType(
    "swarm.TaskStatus",
    "Timestamp?:int State?:str Message?:str Err?:str ContainerStatus?:ptr PortStatus?:struct",
)
NETWORK_ATTACHMENT = GoType("swarm.NetworkAttachment", "Network?:struct Addresses?:list")
TASK = GoType(
    "swarm.Task",
    "ID:str Meta:embed Annotations:embed Spec?:struct ServiceID?:str Slot?:int NodeID?:str "
    "Status?:struct DesiredState?:str NetworksAttachments?:list GenericResources?:list "
    "JobIteration?:ptr Volumes:list",
)

# -- networks as swarm objects (inside tasks)
SWARM_IPAM_CONFIG = GoType("swarm.IPAMConfig", "Subnet?:str Range?:str Gateway?:str")
SWARM_IPAM = GoType("swarm.IPAMOptions", "Driver?:struct Configs?:list")
SWARM_NETWORK_SPEC = GoType(
    "swarm.NetworkSpec",
    "Annotations:embed DriverConfiguration?:ptr IPv6Enabled?:bool Internal?:bool Attachable?:bool "
    "Ingress?:bool IPAMOptions?:ptr ConfigFrom?:ptr Scope?:str",
)
SWARM_NETWORK = GoType("swarm.Network", "ID:str Meta:embed Spec?:struct DriverState?:struct IPAMOptions?:ptr")

# -- nodes
PLUGIN = GoType("swarm.PluginDescription", "Type?:str Name?:str")
ENGINE = GoType("swarm.EngineDescription", "EngineVersion?:str Labels?:map Plugins?:list")
DESCRIPTION = GoType(
    "swarm.NodeDescription",
    "Hostname?:str Platform?:struct Resources?:struct Engine?:struct TLSInfo?:struct CSIInfo?:list",
)
NODE_SPEC = GoType("swarm.NodeSpec", "Annotations:embed Role?:str Availability?:str")
NODE_STATUS = GoType("swarm.NodeStatus", "State?:str Message?:str Addr?:str")
MANAGER_STATUS = GoType("swarm.ManagerStatus", "Leader?:bool Reachability?:str Addr?:str")
NODE = GoType(
    "swarm.Node",
    "ID:str Meta:embed Spec?:struct Description?:struct Status?:struct ManagerStatus?:ptr",
)

# -- the swarm itself
ORCHESTRATION = GoType("swarm.OrchestrationConfig", "TaskHistoryRetentionLimit?:ptr")
RAFT = GoType(
    "swarm.RaftConfig",
    "SnapshotInterval?:int KeepOldSnapshots?:ptr LogEntriesForSlowFollowers?:int ElectionTick:int "
    "HeartbeatTick:int",
)
DISPATCHER = GoType("swarm.DispatcherConfig", "HeartbeatPeriod?:int")
CA_CONFIG = GoType("swarm.CAConfig", "NodeCertExpiry?:int ExternalCAs?:list ForceRotate?:int")
TASK_DEFAULTS = GoType("swarm.TaskDefaults", "LogDriver?:ptr")
ENCRYPTION = GoType("swarm.EncryptionConfig", "AutoLockManagers:bool")
SWARM_SPEC = GoType(
    "swarm.Spec",
    "Annotations:embed Orchestration?:struct Raft?:struct Dispatcher?:struct CAConfig?:struct "
    "TaskDefaults?:struct EncryptionConfig?:struct",
)
CLUSTER_INFO = GoType(
    "swarm.ClusterInfo",
    "ID:str Meta:embed Spec:struct TLSInfo:struct RootRotationInProgress:bool DefaultAddrPool:list "
    "SubnetSize:int DataPathPort:int",
)
JOIN_TOKENS = GoType("swarm.JoinTokens", "Worker:str Manager:str")
SWARM = GoType("swarm.Swarm", "ClusterInfo:embed JoinTokens:struct")
PEER = GoType("swarm.Peer", "NodeID:str Addr:str")
SWARM_INFO = GoType(
    "swarm.Info",
    "NodeID:str NodeAddr:str LocalNodeState:str ControlAvailable:bool Error:str RemoteManagers:list "
    "Nodes?:int Managers?:int Cluster?:ptr Warnings?:list",
)
INFO = GoType(
    "system.Info",
    "ID:str Containers:int ContainersRunning:int ContainersPaused:int ContainersStopped:int Images:int "
    "Driver:str KernelVersion:str OperatingSystem:str OSType:str Architecture:str NCPU:int MemTotal:int "
    "Name:str Labels:list ServerVersion:str Swarm:struct",
)

# -- secrets and configs
SECRET_SPEC = GoType("swarm.SecretSpec", "Annotations:embed Data?:str Driver?:ptr Templating?:ptr")
SECRET = GoType("swarm.Secret", "ID:str Meta:embed Spec:struct")
CONFIG_SPEC = GoType("swarm.ConfigSpec", "Annotations:embed Data?:str Templating?:ptr")
CONFIG = GoType("swarm.Config", "ID:str Meta:embed Spec:struct")

# -- networks as `docker network inspect` has them
IPAM_CONFIG = GoType(
    "network.IPAMConfig", "Subnet?:str IPRange?:str Gateway?:str AuxAddress=AuxiliaryAddresses?:map"
)
IPAM = GoType("network.IPAM", "Driver:str Options:map Config:list")
CONFIG_FROM = GoType("network.ConfigReference", "Network:str")
ENDPOINT_RESOURCE = GoType(
    "network.EndpointResource", "Name:str EndpointID:str MacAddress:str IPv4Address:str IPv6Address:str"
)
PEER_INFO = GoType("network.PeerInfo", "Name:str IP:str")
SERVICE_INFO = GoType("network.ServiceInfo", "VIP:str Ports:list LocalLBIndex:int Tasks:list")
SERVICE_TASK = GoType("network.Task", "Name:str EndpointID:str EndpointIP:str Info:map")
_NETWORK_TAIL = (
    "EnableIPv6:bool IPAM:struct Internal:bool Attachable:bool Ingress:bool ConfigFrom:struct "
    "ConfigOnly:bool Containers:map Options:map Labels:map Peers?:list Services?:map"
)
#: engines before 28 have no EnableIPv4
NETWORK_BEFORE_28 = GoType(
    "network.Inspect", f"Name:str ID=Id:str Created:int Scope:str Driver:str {_NETWORK_TAIL}"
)
NETWORK = GoType(
    "network.Inspect", f"Name:str ID=Id:str Created:int Scope:str Driver:str EnableIPv4:bool {_NETWORK_TAIL}"
)
