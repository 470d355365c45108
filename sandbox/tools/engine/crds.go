//go:build crds

// Package engine keeps in go.mod the API types that controller-gen turns into
// the CustomResourceDefinitions of prometheus-operator.
package engine

import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
