"""Makes the files of this folder with the libraries that people use.

    pip install pandas==3.1.1 numpy==2.4.6 openpyxl==3.1.5 XlsxWriter==3.3.1 odfpy==1.4.1 \
        pyarrow==26.0.1 polars==2.1.0 fastparquet==2026.9.0
    python make.py

The files are small and their bytes differ from run to run (they hold the time), so they are kept beside this script.
"""

import datetime
import decimal

import numpy as np
import openpyxl
import pandas as pd
import polars
import pyarrow
import pyarrow.parquet
import xlsxwriter

rows = 24
frame = pd.DataFrame(
    {
        "size": [None if i == 5 else round(1 + 2 * (i % 2) + i / 100, 3) for i in range(rows)],
        "count": [i * i % 17 + 40 * (i % 2) for i in range(rows)],
        "day": pd.date_range("2025-03-01", periods=rows, freq="36h"),
        "fresh": [i % 3 == 0 for i in range(rows)],
        "kind": [["müsli", "brot"][i % 2] for i in range(rows)],
    }
)
frame.to_excel("pandas.xlsx", index=False)
with pd.ExcelWriter("pandas.ods", engine="odf") as writer:
    frame.to_excel(writer, index=False)

# a title, an empty row, an empty column, a sheet before it, and formulas that nothing has calculated
book = openpyxl.Workbook()
book.active.title = "Notes"
book.active["B2"] = "made by hand"
sheet = book.create_sheet("Data")
sheet["B1"] = "Measured in spring"
for at, name in enumerate(["size", "count", "double", "kind"]):
    sheet.cell(3, 2 + at, name)
for i, row in enumerate(frame.itertuples()):
    sheet.cell(4 + i, 2, row.size if row.size == row.size else None)
    sheet.cell(4 + i, 3, row.count if not callable(row.count) else int(frame["count"][i]))
    sheet.cell(4 + i, 4, f"=2*C{4 + i}")
    sheet.cell(4 + i, 5, row.kind)
book.save("openpyxl.xlsx")

book = xlsxwriter.Workbook("xlsxwriter.xlsx")
sheet = book.add_worksheet()
sheet.write_row(0, 0, ["count", "double", "kind"])
for i in range(rows):
    sheet.write_number(i + 1, 0, int(frame["count"][i]))
    sheet.write_formula(i + 1, 1, f"=2*A{i + 2}")
    sheet.write_string(i + 1, 2, frame["kind"][i])
book.close()

x = frame[["size", "count"]].to_numpy(dtype=float)
y = frame["kind"].to_numpy(dtype=str)
np.savez_compressed("two.npz", X=x, y=y)
np.savez("unnamed.npz", np.asfortranarray(x), (y == "brot").astype(np.int64))
np.save("records.npy", frame[["size", "count", "kind"]].astype({"kind": "U5"}).to_records(index=False, column_dtypes={"kind": "U5"}))
pictures = np.zeros((rows, 8, 6, 3), dtype=np.uint8)
pictures[np.arange(rows), :, 5 * (np.arange(rows) % 2), 1] = 200
np.savez_compressed("medical.npz", train_images=pictures, train_labels=(np.arange(rows) % 2)[:, None].astype(np.uint8),
                    test_images=pictures[:4], test_labels=np.array([[0], [1], [0], [1]], dtype=np.uint8))

# Parquet: as each library writes it by default, and what makes it hard: every packing, several groups of rows, types that
# are written in several ways, an index, groups, lists
frame.to_parquet("pandas.parquet")
frame.to_parquet("fastparquet.parquet", engine="fastparquet")
polars.from_pandas(frame).write_parquet("polars.parquet")
frame.set_index("kind").to_parquet("named-index.parquet")
frame.sample(frac=1, random_state=1).to_parquet("index.parquet", compression="gzip")
typed = pyarrow.table(
    {
        "half": pyarrow.array(np.arange(rows, dtype=np.float16) / 2),
        "big": pyarrow.array([2**64 - 1 - i for i in range(rows)], pyarrow.uint64()),
        "price": pyarrow.array([decimal.Decimal(i * 125 - 500).scaleb(-2) for i in range(rows)], pyarrow.decimal128(9, 2)),
        "day": pyarrow.array([datetime.date(2025, 3, 1) + datetime.timedelta(i) for i in range(rows)]),
        "time": pyarrow.array([datetime.time(8 + i % 12, 30, i) for i in range(rows)]),
        # beyond what 64 bits of nanoseconds reach
        "until": pyarrow.array([datetime.datetime(9999, 12, 31 - i % 3) for i in range(rows)], pyarrow.timestamp("ms")),
        "place": pyarrow.array([{"x": i / 4, "y": None if i % 5 == 0 else -i} for i in range(rows)]),
        "tags": pyarrow.array([["a"] * (i % 3) for i in range(rows)]),
        "binary": pyarrow.array([b"wine" if i % 2 else b"beer" for i in range(rows)]),
        "kind": pyarrow.array([["müsli", "brot", None][i % 3] for i in range(rows)]).dictionary_encode(),
    }
)
pyarrow.parquet.write_table(typed, "typed.parquet", row_group_size=7, compression="brotli")
pyarrow.parquet.write_table(
    typed, "older.parquet", version="1.0", use_deprecated_int96_timestamps=True, store_schema=False, compression="lz4",
    data_page_version="2.0", use_dictionary=False,
)
# five million rows of one value
pyarrow.parquet.write_table(pyarrow.table({"x": np.zeros(5_000_000, dtype=np.int8)}), "constant.parquet", write_statistics=False)
