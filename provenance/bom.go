package provenance

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// BOMName is the bill of materials' file in a model directory, a name that tools for CycloneDX know.
const BOMName = "bom.cdx.json"

// Names of elements of the bill of materials; those of files and of the source's files begin with
// fileRef and sourceRef.
const (
	modelRef  = "model"
	fileRef   = "file:"
	sourceRef = "source"
)

// billOfMaterials returns the CycloneDX document of a model directory.
func billOfMaterials(made *convert.Finished, b *Builder) ([]byte, error) {
	main, err := modelComponent(made)
	if err != nil {
		return nil, err
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: b.timestamp(),
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{
			{Type: cdx.ComponentTypeApplication, Name: program, Version: b.Version, Hashes: hashes(b.SHA256)},
		}},
		Component: main,
	}
	var components []cdx.Component
	var names []string
	for _, f := range files(made) {
		components = append(components, fileComponent(fileRef, f))
		names = append(names, fileRef+f.File)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: modelRef, Dependencies: &names}}

	text, err := encode(bom)
	if err != nil {
		return nil, err
	}
	bom.SerialNumber = "urn:uuid:" + uuid(text)
	return encode(bom)
}

func encode(bom *cdx.BOM) ([]byte, error) {
	var text bytes.Buffer
	err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	return text.Bytes(), err
}

// uuid returns a UUID that a document names itself by: version 8 (RFC 9562), of its SHA-256.
func uuid(text []byte) string {
	u := sha256.Sum256(text)
	u[6], u[8] = 0x80|u[6]&0x0f, 0x80|u[8]&0x3f
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

func hashes(sum string) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
}

func fileComponent(prefix string, f model.File) cdx.Component {
	return cdx.Component{
		Type: cdx.ComponentTypeFile, BOMRef: prefix + f.File, Name: f.File, Hashes: hashes(f.SHA256),
		Properties: &[]cdx.Property{property("bytes", fmt.Sprint(f.Bytes))},
	}
}

// property names what CycloneDX has no word for.
func property(name, value string) cdx.Property {
	return cdx.Property{Name: program + ":" + name, Value: value}
}

// modelComponent describes the model. Its hash is its manifest's file's, which has those of all others.
func modelComponent(made *convert.Finished) (*cdx.Component, error) {
	m := made.Manifest
	properties := []cdx.Property{property("root_sha256", m.RootSHA256), property("format", m.Format), property("codec", m.Codec)}
	for _, key := range slices.Sorted(maps.Keys(m.Options)) {
		value, err := jsonOf(m.Options[key])
		if err != nil {
			return nil, err
		}
		properties = append(properties, property("quantization:"+key, string(value)))
	}
	datasets, err := datasets(m)
	if err != nil {
		return nil, err
	}
	metrics := metrics(m)
	card := &cdx.MLModelCard{QuantitativeAnalysis: &cdx.MLQuantitativeAnalysis{PerformanceMetrics: &metrics}}
	if datasets != nil {
		card.ModelParameters = &cdx.MLModelParameters{Datasets: &datasets}
	}
	return &cdx.Component{
		Type: cdx.ComponentTypeMachineLearningModel, BOMRef: modelRef, Name: cmp.Or(m.ModelID, made.Manifest.SourceGGUF, "model"), Version: m.RootSHA256,
		Hashes: hashes(made.ManifestFile.SHA256), Pedigree: pedigree(made), ModelCard: card, Properties: &properties,
	}, nil
}

// pedigree names the source.
func pedigree(made *convert.Finished) *cdx.Pedigree {
	m := made.Manifest
	source := cdx.Component{Type: cdx.ComponentTypeMachineLearningModel, BOMRef: sourceRef, Name: cmp.Or(m.ModelID, m.SourceGGUF, "source")}
	if m.Repository != "" {
		source.Name, source.Version, _ = strings.Cut(m.Repository, "@")
		source.PackageURL = packageURL(m.Repository)
	}
	if m.SourceSHA256 != "" {
		source.Hashes = hashes(m.SourceSHA256)
	}
	var components []cdx.Component
	for _, f := range m.Sources {
		components = append(components, fileComponent(sourceRef+":", f))
	}
	if components != nil {
		source.Components = &components
	}
	if s := made.Signature; s != nil {
		source.ExternalReferences = &[]cdx.ExternalReference{{
			Type: cdx.ERTypeDigitalSignature, URL: attest.ModelSignatureName, Hashes: hashes(s.SHA256), Comment: signedBy + s.KeyID,
		}}
	}
	return &cdx.Pedigree{Ancestors: &[]cdx.Component{source}, Notes: "converted by " + m.Tool}
}

// datasets are the texts that the model was calibrated with and measured on.
func datasets(m *model.Manifest) ([]cdx.MLDatasetChoice, error) {
	text, err := json.Marshal(m.Options["calibration"])
	if err != nil {
		return nil, err
	}
	var calibration struct {
		Text       string `json:"text"`
		Tokens     int    `json:"tokens"`
		Statistics string `json:"statistics_sha256"`
	}
	var list []cdx.MLDatasetChoice
	if json.Unmarshal(text, &calibration) == nil && calibration.Text != "" {
		list = append(list, dataset("calibration text", property("text", calibration.Text), property("tokens", fmt.Sprint(calibration.Tokens)),
			property("statistics_sha256", calibration.Statistics)))
	}
	if k := m.Certificate; k != nil {
		list = append(list, dataset("text held out", property("text_sha256", k.TextSHA256), property("tokens", fmt.Sprint(k.Tokens))))
	}
	return list, nil
}

func dataset(name string, properties ...cdx.Property) cdx.MLDatasetChoice {
	return cdx.MLDatasetChoice{ComponentData: &cdx.ComponentData{Type: cdx.ComponentDataTypeDataset, Name: name, Contents: &cdx.ComponentDataContents{Properties: &properties}}}
}
