"""Tables of items → the public files and their index.

In: `RevisionTable`s, a `ReleasedLayer`, the state of its sources. Out: GeoJSON and its companions in a tree of files
that any web server can serve. May use: `formats`, `vocab`, `model`, `errors`. Never: queries; shows a property that
its reader may not see (deny by default); puts an exercise among what is actual; leaves a half-written file under its
name. `features` makes features of items, `disclosure` holds small counts back, `geojson` writes text, `writers` has
every other format, `schema` describes them, `tree` keeps the files, `tiles` makes vector tiles beside them, `alerts`
has the messages. Add here: one module per output format and its line in `writers`. Tests: tests/publish.
"""

from bousai.publish.alerts import alert_summary, plain_text, write_alerts
from bousai.publish.features import FeatureTable, areas_wanted, features, within
from bousai.publish.flat import Flat, flat, flat_fields
from bousai.publish.geojson import layer_chunks
from bousai.publish.tiles import Tiled, write_tiles
from bousai.publish.tree import Published, standing, write_index, write_layer
from bousai.publish.writers import FORMATS, formats_of, write_files

__all__ = [
    "FORMATS",
    "FeatureTable",
    "Flat",
    "Published",
    "Tiled",
    "alert_summary",
    "areas_wanted",
    "features",
    "flat",
    "flat_fields",
    "formats_of",
    "layer_chunks",
    "plain_text",
    "standing",
    "within",
    "write_alerts",
    "write_files",
    "write_index",
    "write_layer",
    "write_tiles",
]
