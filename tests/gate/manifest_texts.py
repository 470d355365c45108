"""Manifests as people and Helm write them; of our own writing, in the shapes that are about."""

from tests.policies.engine_input import DIGEST, IMAGE, MIXTRAL

SERVER = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: moe
  namespace: serving
spec:
  strategy:
    rollingUpdate: {{maxSurge: 0, maxUnavailable: 1}}
  selector:
    matchLabels: &labels {{app: moe}}
  template:
    metadata:
      labels: *labels
    spec:
      enableServiceLinks: false
      securityContext: {{runAsNonRoot: true, runAsUser: 2000}}
      terminationGracePeriodSeconds: 180
      containers:
        - name: vllm
          image: {IMAGE}
          args:
            - {MIXTRAL}
            - --tensor-parallel-size=8
            - --max-model-len=32768
            - --shutdown-timeout=120
          securityContext: {{allowPrivilegeEscalation: false}}
          lifecycle:
            preStop: {{sleep: {{seconds: 15}}}}
          startupProbe:
            httpGet: {{path: /health, port: 8000}}
            periodSeconds: 10
            failureThreshold: 360
          resources: &sizes
            limits: {{nvidia.com/gpu: 8, memory: 640Gi, cpu: 64}}
            requests: {{nvidia.com/gpu: 8, memory: 640Gi, cpu: 64}}
          volumeMounts:
            - {{name: shm, mountPath: /dev/shm}}
      volumes:
        - name: shm
          emptyDir: {{medium: Memory, sizeLimit: 16Gi}}
"""
BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: moe, namespace: serving}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {app: moe}
"""
GOOD = f"{SERVER}---\n{BUDGET}"
"""A server as the pack wants it, on a node of eight GPUs."""

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec: {{containers: [{{name: a, image: {image}}}]}}
"""

HELM = f"""\
---
# Source: serving/templates/empty.yaml
---
# Source: serving/templates/deployment.yaml
{SERVER}---
# Source: serving/templates/budget.yaml
{BUDGET}"""

DRY_RUN = f"""\
NAME: moe
LAST DEPLOYED: Wed Nov 25 12:00:00 2026
NAMESPACE: serving
STATUS: pending-install
REVISION: 1
HOOKS:
---
# Source: serving/templates/hook.yaml
{POD.format(name="hook", image=f"busybox@{DIGEST}")}MANIFEST:
---
# Source: serving/templates/deployment.yaml
{GOOD}
NOTES:
Read this: it is: no YAML {{{{ at all
"""
